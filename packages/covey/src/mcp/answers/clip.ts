/** The beginning of a text that is longer, with a mark that it goes on. */
export const clip = (text: string, chars: number): string => (text.length <= chars ? text : `${text.slice(0, Math.floor(chars))}…`);
