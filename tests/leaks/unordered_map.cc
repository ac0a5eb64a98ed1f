/*
 * verdict: clean
 *
 * A global table that is never destroyed.
 */
#include <string>
#include <unordered_map>

static auto &table = *new std::unordered_map<std::string, std::string>;

int main()
{
	for (int i = 0; i < 100; i++)
		table[std::to_string(i)] = std::string(100, 'x');
	return 0;
}
