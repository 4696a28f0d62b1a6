import { oneOf } from "#cli/arguments.ts";
import { defineCommand } from "#cli/command.ts";
import { describeCommands } from "#cli/completion/describe.ts";
import { scripts } from "#cli/completion/scripts.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { print } from "#cli/terminal.ts";

export const completion = defineCommand({
	arguments: [["<shell>", "bash, zsh or fish", Object.keys(scripts)]],
	notes: [
		"bash: source <(covey completion bash)        in ~/.bashrc",
		"zsh:  source <(covey completion zsh)         in ~/.zshrc, behind compinit",
		"fish: covey completion fish > ~/.config/fish/completions/covey.fish",
	].join("\n"),
	run: async ({ arguments: [shell = ""] }) => {
		const script = scripts[oneOf("bash", "zsh", "fish")(shell)];
		print(script(await describeCommands()));
		return exitCodes.ok;
	},
});
