import { statfsSync } from "node:fs";

/** `f_type` of Linux's network filesystems (statfs(2)). Elsewhere the number means something else, and nothing is refused. */
const networkTypes: ReadonlyMap<number, string> = new Map([
	[0x6969, "NFS"],
	[0x517b, "SMB"],
	[0xff534d42, "CIFS"],
	[0xfe534d42, "SMB2"],
]);

/** The name of the network filesystem that a directory lies on, where locks and syncs cannot be trusted. Undefined on a local one. */
export function networkFilesystem(directory: string): string | undefined {
	if (process.platform !== "linux") return undefined;
	return networkTypes.get(statfsSync(directory).type >>> 0);
}
