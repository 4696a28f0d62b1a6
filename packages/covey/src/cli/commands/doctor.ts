import { defineCommand, jsonOption } from "#cli/command.ts";
import { exitCodes } from "#cli/exit-code.ts";
import { plain } from "#cli/table.ts";
import { dataStyle, print, printJson } from "#cli/terminal.ts";
import { paths } from "#compose/paths.ts";
import type { Finding } from "#ops/doctor/check.ts";
import { examine } from "#ops/doctor/examine.ts";

const paint = { ok: dataStyle.green, warn: dataStyle.yellow, fail: dataStyle.red, skip: dataStyle.dim } as const;

export const doctor = defineCommand<{ readonly only?: string; readonly json?: boolean }>({
	options: [{ flags: "--only <id>", about: "this check, or group of checks, alone" }, jsonOption],
	notes: "Looks and changes nothing. Exit code: 0, also with warnings; 1 when something fails.",
	run: async ({ options }) => {
		const findings = await examine({
			paths: paths(),
			coordinator: readCoordinator,
			clockSkewMs: readClockSkew,
			...(options.only !== undefined && { only: options.only }),
		});
		if (options.json) printJson({ findings });
		else print(findings.map(describe).join("\n"));
		return findings.some((finding) => finding.status === "fail") ? exitCodes.failed : exitCodes.ok;
	},
});

/** Asked only when the check is: it loads the client. */
async function readCoordinator() {
	const { withFleet } = await import("#cli/fleet.ts");
	return withFleet((fleet) => fleet.call("fleet.status", {}), { signal: AbortSignal.timeout(5000) });
}

async function readClockSkew(): Promise<number> {
	const { resolveTarget } = await import("#compose/client.ts");
	const { url } = await resolveTarget({ start: false });
	const askedAt = Date.now();
	const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(5000) });
	await response.body?.cancel();
	return Date.parse(response.headers.get("date") ?? "") - (askedAt + Date.now()) / 2;
}

function describe({ id, status, detail, fix }: Finding): string {
	return [
		`${paint[status](status.padEnd(4))}  ${id.padEnd(22)} ${plain(detail, 300)}`,
		...(fix === undefined ? [] : [`      ${" ".repeat(22)} ${dataStyle.dim(fix)}`]),
	].join("\n");
}
