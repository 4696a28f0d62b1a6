import { type OperationName, operations, WireError } from "@covey/protocol";
import { z } from "zod";
import { callOperation } from "#coordinator/operations/call.ts";
import type { Handlers } from "#coordinator/operations/context.ts";
import { version } from "#kit/version.ts";
import { sendJson } from "./answer.ts";
import { readJson } from "./body.ts";
import type { Exchange, GuardedRoute, Route } from "./route.ts";

/** A route per operation of the protocol's table. */
export function createOperationRoutes(handlers: Handlers): GuardedRoute[] {
	return (Object.keys(operations) as OperationName[]).map((name) => {
		const { method, path, roles, summary } = operations[name];
		return {
			method,
			path,
			summary,
			access: roles,
			async handle(exchange, principal) {
				const input = await inputOf(exchange);
				sendJson(exchange.response, 200, await callOperation(handlers, name, input, { principal, signal: exchange.signal }));
			},
		};
	});
}

/** Path parameters, and the query or the body. A repeated query parameter is a list. */
async function inputOf({ request, url, parameters }: Exchange): Promise<unknown> {
	const body = request.method === "POST" ? await readJson(request) : queryOf(url);
	return typeof body === "object" && body !== null && !Array.isArray(body) ? { ...body, ...parameters } : body;
}

function queryOf(url: URL): Record<string, string | string[]> {
	const query: Record<string, string | string[]> = {};
	for (const name of new Set(url.searchParams.keys())) {
		const values = url.searchParams.getAll(name);
		query[name] = values.length === 1 ? values[0]! : values;
	}
	return query;
}

/** The OpenAPI 3.1 document of all routes; what the operations table knows is described with schemas. */
export function describeApi(routes: readonly Route[]): object {
	const paths: Record<string, Record<string, object>> = {};
	for (const route of routes) {
		paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(route) };
	}
	return {
		openapi: "3.1.0",
		info: { title: "Covey", version, description: "The client API of a Covey coordinator." },
		paths,
		components: {
			securitySchemes: { token: { type: "http", scheme: "bearer" } },
			schemas: { WireError: z.toJSONSchema(WireError, { io: "output" }) },
		},
	};
}

function describeRoute(route: Route): object {
	const entry = Object.entries(operations).find(([, { method, path }]) => method === route.method && path === route.path);
	const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
	const refusal = { description: "Refused", content: { "application/json": { schema: { $ref: "#/components/schemas/WireError" } } } };
	const described = {
		summary: route.summary,
		security: route.access === "open" ? [] : [{ token: [] }],
		...(Array.isArray(route.access) && { "x-covey-roles": ["admin", ...route.access] }),
	};
	if (!entry) {
		const parameters = inPath.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
		return { ...described, parameters, responses: { 200: { description: "Done" }, default: refusal } };
	}
	const [name, operation] = entry;
	const input = z.toJSONSchema(operation.input, { io: "input", unrepresentable: "any" });
	const output = z.toJSONSchema(operation.output, { io: "output", unrepresentable: "any" });
	const fields = Object.entries(input.properties ?? {});
	const inQuery = route.method === "POST" ? [] : fields.filter(([field]) => !inPath.includes(field));
	const parameters = [
		...fields.filter(([field]) => inPath.includes(field)).map(([field, schema]) => ({ name: field, in: "path", required: true, schema })),
		...inQuery.map(([field, schema]) => ({ name: field, in: "query", required: input.required?.includes(field) ?? false, schema })),
	];
	const body = { requestBody: { content: { "application/json": { schema: withoutFields(input, inPath) } } } };
	return {
		operationId: name,
		...described,
		parameters,
		...(route.method === "POST" && body),
		responses: { 200: { description: "Done", content: { "application/json": { schema: output } } }, default: refusal },
	};
}

function withoutFields(schema: z.core.JSONSchema.BaseSchema, names: readonly string[]): object {
	const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => !names.includes(name)));
	return { ...schema, properties, required: schema.required?.filter((name) => !names.includes(name)) ?? [] };
}
