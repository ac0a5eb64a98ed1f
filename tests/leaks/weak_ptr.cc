/*
 * verdict: clean
 *
 * One counts the other, which only knows it.
 */
#include <memory>

struct Node {
	std::shared_ptr<Node> other;
	std::weak_ptr<Node> back;
};

int main()
{
	auto a = std::make_shared<Node>(), b = std::make_shared<Node>();

	a->other = b;
	b->back = a;
	return 0;
}
