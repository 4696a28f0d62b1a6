/**
 * Whether `.nix` files may read files of their tree that they do not name: a listing, the tree itself as `./.` or as
 * `self`, a path put together. A text is no program: in doubt they do.
 */
export function readsWholeTree(text: string): boolean {
	return signs.some((sign) => sign.test(text));
}

const signs: readonly RegExp[] = [
	/\b(readDir|__curPos|getFlake|fetchGit)\b/,
	// `./.`, `../..`, `"/.."`
	/\/\.{1,2}(?![\w.+/-])/,
	// `./${name}`
	/(?<![\w.])\.{1,2}\/[^\s;"]*\$\{/,
	// `self` but as an argument (`{ self, nixpkgs }:`, `self: super:`) or for an output of it (`self.packages`).
	/(?<![\w'-])(?<!(?<!\$)\{\s*|,\s*)self(?![\w'-]|\s*:|\.\w)/,
	/(?<![\w'-])self(?![\w'-]|\s*[:,}?@]|\.\w)/,
	/(?<![\w'-])self\.(outPath|sourceInfo|narHash)\b/,
	// All inputs handed on, of which `self` is one.
	/\binherit\b[^;]*\binputs\b/,
	/(?<![\w'-])inputs\s*[;)\]]/,
];
