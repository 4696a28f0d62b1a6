/** A POSIX shell command line that runs exactly this program with these arguments. */
export function quoteCommand(command: readonly string[]): string {
	return command.map(quote).join(" ");
}

function quote(word: string): string {
	return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
