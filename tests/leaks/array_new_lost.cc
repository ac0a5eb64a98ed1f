/*
 * verdict: 1 direct
 *
 * Such an array, forgotten.
 */
struct Thing {
	int v = 1;
	~Thing() { v = 0; }
};

static Thing *volatile things;

int main()
{
	things = new Thing[10];
	things = nullptr;
	return 0;
}
