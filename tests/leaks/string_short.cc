/*
 * verdict: 1 direct
 *
 * A short string points into itself, which is no circle.
 */
#include <string>

static std::string *volatile kept;

int main()
{
	kept = new std::string("short");
	kept = nullptr;
	return 0;
}
