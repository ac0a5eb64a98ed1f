/*
 * verdict: 1 direct
 * flags: -std=c++17
 *
 * operator new with an alignment.
 */
struct alignas(128) Wide { char c[128]; };

static Wide *volatile kept;

int main()
{
	kept = new Wide;
	kept = nullptr;
	return 0;
}
