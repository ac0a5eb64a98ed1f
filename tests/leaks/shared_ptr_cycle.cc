/*
 * verdict: 1 direct 1 indirect cyclic
 *
 * Two objects count each other.
 */
#include <memory>

struct Node {
	std::shared_ptr<Node> other;
};

int main()
{
	auto a = std::make_shared<Node>(), b = std::make_shared<Node>();

	a->other = b;
	b->other = a;
	return 0;
}
