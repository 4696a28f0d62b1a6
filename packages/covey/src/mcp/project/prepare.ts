/**
 * What a fresh worktree lacks and the ecosystem's own command does not fetch: `node_modules`, a virtual environment.
 * It is made on the worker, once: as long as the inputs and the tool are those of the last time, nothing is done.
 * All words here are ours or checked against a pattern, never a caller's.
 */
export interface Preparation {
	/** A shell line. */
	readonly install: string;
	/** The directory it makes, which git shall ignore and which warm worktrees keep. */
	readonly makes: string;
	/** Must be there besides, as `.pnp.cjs`. */
	readonly also?: string;
	/** Files whose content decides. */
	readonly inputs: readonly string[];
	/** Prints the version of what the result depends on. */
	readonly version: string;
	/** A tool that npx brings when the worker has it not, and the npm package that it is from, as `pnpm@9.15.0`. */
	readonly brought?: { readonly tool: string; readonly from: string };
	readonly because: string;
}

/** `command`, preceded by the preparation when it is due. Its talk goes to stderr, so that a parser of stdout sees only the command's. */
export function prepared(preparation: Preparation, command: readonly string[], typed: string): readonly string[] {
	const { install, makes, also, inputs, version, brought } = preparation;
	const mark = `${makes}/.covey-stamp`;
	const script = [
		...(brought ? [bring(brought)] : []),
		`stamp() { ${version} && cat ${inputs.join(" ")}; }`,
		`if ! { ${also ? `[ -e ${also} ] && ` : ""}stamp | cmp -s - ${mark}; }; then`,
		`  rm -f ${mark}`,
		`  { ${install}; } >&2 || { code=$?; printf 'covey: %s failed with %s, so %s did not run\\n' ${word(install)} $code ${word(typed)} >&2; exit $code; }`,
		// Ignored by its own rule, it is no change of the tree, and the next run finds it.
		`  mkdir -p ${makes} && { [ -e ${makes}/.gitignore ] || echo '*' >${makes}/.gitignore; } && stamp >${mark}`,
		"fi",
		'exec "$@"',
	].join("\n");
	return ["sh", "-c", script, "covey", ...command];
}

const word = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A link in the attempt's own directory, behind which npx has the tool in the version that the project names. */
function bring({ tool, from }: { readonly tool: string; readonly from: string }): string {
	return [
		`if ! command -v ${tool} >/dev/null; then`,
		`  echo 'covey: ${tool} is not installed here, so npx brings ${from}' >&2`,
		'  bin="$(mktemp -d)"',
		`  printf '#!/bin/sh\\nexec npx --yes --package=%s ${tool} "$@"\\n' ${word(from)} >"$bin/${tool}" && chmod +x "$bin/${tool}"`,
		'  export PATH="$PATH:$bin"',
		"fi",
	].join("\n");
}
