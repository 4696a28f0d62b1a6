/** An error that ends a process of Node, as it is printed above its stack. */
export function printedError(text: string): string | undefined {
	return /^(?:Uncaught )?(?:\w+\.)*\w*(?:Error|Exception)(?: \[\w+\])?: ./.test(text) ? text : undefined;
}

/** Of a test file that ends with an exit code Node says "test failed" and no more: the reason is what the file printed. */
export function reasonOf(message: string, printed: string | undefined): string {
	return printed !== undefined && /^'?test failed'?$/.test(message) ? printed : message;
}
