/*
 * verdict: clean
 *
 * Held by the address of a second base class.
 */
struct A { virtual ~A() {} long a = 1; };
struct B { virtual ~B() {} long b = 2; };
struct C : A, B { long c = 3; };

static B *kept;

int main()
{
	kept = new C;
	return 0;
}
