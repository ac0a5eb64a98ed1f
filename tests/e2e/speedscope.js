// Is the file what speedscope's own schema says?  Prints each profile's name and the sum of its weights.
const fs = require("fs"), path = require("path");
const Ajv = require("ajv");

const home = path.dirname(require.resolve("speedscope/package.json"));
const schema = JSON.parse(fs.readFileSync(path.join(home, "dist/release/file-format-schema.json")));
const valid = new (Ajv.default || Ajv)({ strict: false, validateFormats: false }).compile(schema);
const file = JSON.parse(fs.readFileSync(process.argv[2]));

if (!valid(file)) {
	console.error(JSON.stringify(valid.errors.slice(0, 3)));
	process.exit(1);
}
for (const p of file.profiles) {
	const sum = p.weights.reduce((a, b) => a + b, 0);

	if (p.samples.length !== p.weights.length || sum !== p.endValue ||
	    p.samples.some(s => s.some(f => !file.shared.frames[f]))) {
		console.error(p.name + " does not add up");
		process.exit(1);
	}
	console.log(p.name + "=" + sum);
}
