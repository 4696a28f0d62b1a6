import type { Settings } from "#compose/settings.ts";
import type { McpSettings } from "#mcp/options.ts";

export function mcpSettings({ mcp }: Settings): McpSettings {
	return { waitMs: mcp.wait_max, timeoutMs: mcp.timeout, holdMs: mcp.hold };
}
