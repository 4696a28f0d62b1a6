import { join } from "node:path";

/** Below a home: where programs keep keys, tokens and passwords. */
const inHome = [
	".ssh",
	".gnupg",
	".netrc",
	".git-credentials",
	".config/git/credentials",
	".config/gh",
	".config/gcloud",
	".config/sops",
	".config/google-chrome",
	".config/chromium",
	".mozilla",
	".password-store",
	".local/share/keyrings",
	".aws",
	".azure",
	".kube",
	".docker",
	".npmrc",
	".pypirc",
	".cargo/credentials.toml",
	".vault-token",
];

/** Sockets of services that run programs for whoever may connect: a way out of any sandbox. A read-only mount does not close them. */
const sockets = ["/run/user", "/run/docker.sock", "/run/podman", "/run/containerd", "/run/crio", "/run/libvirt", "/run/tailscale"];

/** What a job in a sandbox must not see, besides Covey's own. Those that do not exist do no harm. */
export function hiddenPlaces(home: string): readonly string[] {
	return [...inHome.map((place) => join(home, place)), ...sockets];
}
