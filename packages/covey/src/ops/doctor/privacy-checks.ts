import { stat } from "node:fs/promises";
import type { Check } from "./check.ts";

/** Others must not be able to write what we run by, nor to read what proves who we are. */
export const privacyChecks: readonly Check[] = [
	modeCheck("files.state", "state", 0o077),
	modeCheck("files.admin-token", "adminTokenFile", 0o077),
	modeCheck("files.config", "configFile", 0o022),
];

/** @param forbidden mode bits that must not be set. */
function modeCheck(id: string, name: "state" | "adminTokenFile" | "configFile", forbidden: number): Check {
	return {
		id,
		async examine({ paths }) {
			const path = paths[name];
			const mode = await stat(path).then(
				(found) => found.mode & 0o777,
				(error: NodeJS.ErrnoException) => {
					if (error.code !== "ENOENT") throw error;
				},
			);
			if (mode === undefined) return { status: "skip", detail: `${path} does not exist` };
			const detail = `${path} has mode ${mode.toString(8)}`;
			if ((mode & forbidden) === 0) return { status: "ok", detail };
			return {
				status: "fail",
				detail: `${detail}: others can ${forbidden & 0o044 ? "read" : "write"} it`,
				fix: `chmod ${(mode & ~forbidden).toString(8)} ${path}`,
			};
		},
	};
}
