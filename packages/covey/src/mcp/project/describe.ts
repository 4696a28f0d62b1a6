import { isMeaningless, type Meaningless, type Recipe } from "./recipe.ts";
import { quoted } from "./wording.ts";

/** One sentence for people: test means `cargo test` (Cargo.toml). */
export function describeMeaning(verb: string, meaning: Recipe | Meaningless): string {
	if (isMeaningless(meaning)) return `${verb} means nothing here: ${meaning.sentence}`;
	const where = meaning.directory ? ` in ${meaning.directory}` : "";
	return `${verb} means \`${meaning.typed ?? quoted(meaning.command)}\`${where} (${meaning.because})`;
}
