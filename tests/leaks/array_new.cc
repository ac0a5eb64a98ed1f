/*
 * verdict: clean
 *
 * A global has the first of an array of objects; their number stands before it.
 */
struct Thing {
	int v = 1;
	~Thing() { v = 0; }
};

static Thing *things;

int main()
{
	things = new Thing[10];
	return 0;
}
