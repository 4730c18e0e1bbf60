/** Makes the OpenAPI document from the table of routes and the schemas. */
import { COMMON_ERRORS, type Route } from '@n3x/core/api/route';
import { ROUTES } from '@n3x/core/api/routes';
import {
  CONSOLE_UPGRADE,
  clusterStatusSchema,
  DEFAULT_TIMEOUT_MS,
  errorResponseSchema,
  HTTP_STATUS,
  hostViewSchema,
  localStatusSchema,
  REQUEST_ID_HEADER,
  TIMEOUT_HEADER,
  tokenViewSchema,
  vmChangeResponseSchema,
  vmCreateRequestSchema,
  vmViewSchema,
  watchLineSchema,
} from '@n3x/core/api/schemas';
import { volumeViewSchema } from '@n3x/core/api/volume-routes';
import type { ErrorCode } from '@n3x/core/base/errors';
import { clusterSchema, eventSchema } from '@n3x/core/model/cluster';
import { z } from 'zod';
import { TIMEOUT_MS_RANGE } from './request-options.ts';

/** An OpenAPI 3.1 document, as far as this module makes one. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly parameters: Readonly<Record<string, Parameter>>;
  };
}

/** One operation of the document. */
export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly (Parameter | Reference)[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
}

type JsonSchema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;
interface Reference {
  readonly $ref: string;
}
interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}
interface Response {
  readonly description: string;
  readonly content?: Content;
}

const TAGS: Readonly<Record<Route['tag'], string>> = {
  service: 'The daemon that answers',
  cluster: 'The cluster and its members',
  tokens: 'Join tokens',
  hosts: 'Hosts',
  projects: 'Projects and their quotas',
  vms: 'Virtual machines',
  volumes: 'Disks of virtual machines',
  locks: 'Locks and semaphores',
  networks: 'Networks that VMs get addresses from',
  changes: 'What happened and what happens',
};

/** Schemas that get a name of their own. */
const ANSWERS: Readonly<Record<string, z.ZodType>> = {
  Cluster: clusterSchema,
  ClusterStatus: clusterStatusSchema,
  Error: errorResponseSchema,
  Event: eventSchema,
  Host: hostViewSchema,
  LocalStatus: localStatusSchema,
  Token: tokenViewSchema,
  Vm: vmViewSchema,
  Volume: volumeViewSchema,
  VmChange: vmChangeResponseSchema,
  WatchLine: watchLineSchema,
};
const REQUESTS: Readonly<Record<string, z.ZodType>> = { VmCreateRequest: vmCreateRequestSchema };

/** The document of this build, whose version is `version`. */
export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const [id, route] of Object.entries<Route>(ROUTES)) {
    const path = route.path.replace(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(id, route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'n3x',
      version,
      description:
        'The API of n3xd, over HTTP/1.1 on a Unix socket. Any member answers any request. Every error has the form of ' +
        'the schema Error; its code is stable.',
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { ...named(ANSWERS, 'output'), ...named(REQUESTS, 'input') },
      parameters: {
        Timeout: {
          name: TIMEOUT_HEADER,
          in: 'header',
          required: false,
          description: 'Time in milliseconds within which the answer must be there.',
          schema: {
            type: 'integer',
            minimum: TIMEOUT_MS_RANGE[0],
            maximum: TIMEOUT_MS_RANGE[1],
            default: DEFAULT_TIMEOUT_MS,
          },
        },
        RequestId: {
          name: REQUEST_ID_HEADER,
          in: 'header',
          required: false,
          description: 'Id of the request, chosen by the client: a retry with the same one takes effect once.',
          schema: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,64}$' },
        },
      },
    },
  };
}

function operation(id: string, route: Route): Operation {
  const parameters = [
    ...parametersOf(route.params, 'path'),
    ...parametersOf(route.query, 'query'),
    { $ref: '#/components/parameters/Timeout' },
    ...(route.changes ? [{ $ref: '#/components/parameters/RequestId' }] : []),
  ];
  return {
    operationId: id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    parameters,
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    responses: { ...answerOf(route), ...errorsOf(route) },
  };
}

function requestBody(body: z.ZodType): NonNullable<Operation['requestBody']> {
  // A body whose every field has a default may be left out.
  const required = !body.safeParse({}).success;
  return { required, content: { 'application/json': { schema: schemaOf(body, 'input') } } };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query'): Parameter[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: schemaOf(field, 'input'),
  }));
}

function answerOf(route: Route): Record<string, Response> {
  const { answer } = route;
  switch (answer.type) {
    case 'json': {
      const content = { 'application/json': { schema: schemaOf(answer.schema, 'output') } };
      if (answer.created !== true) return { 200: { description: 'Done', content } };
      return {
        200: { description: 'It was there already, as asked', content },
        201: { description: 'Created', content },
      };
    }
    case 'text':
      return { 200: { description: 'The text, streamed', content: { 'text/plain': { schema: { type: 'string' } } } } };
    case 'bytes': {
      const content = { [answer.mediaType]: { schema: { type: 'string', format: 'binary' } } };
      return { 200: { description: 'The bytes, streamed', content } };
    }
    case 'lines': {
      const content = { 'application/x-ndjson': { schema: schemaOf(answer.schema, 'output') } };
      return { 200: { description: 'One JSON document per line, streamed', content } };
    }
    case 'upgrade':
      return { 101: { description: `The connection speaks ${CONSOLE_UPGRADE} from here on` } };
  }
}

/** Error answers by status, each with its codes. */
function errorsOf(route: Route): Record<string, Response> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...COMMON_ERRORS, ...route.errors])) {
    const status = HTTP_STATUS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Record<string, Response> = {};
  for (const [status, codes] of byStatus) {
    responses[String(status)] = {
      description: codes.sort().join(', '),
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    };
  }
  return responses;
}

type Direction = 'input' | 'output';

/** Registries by direction: a schema that is in one is referred to instead of repeated. */
const registries: Readonly<Record<Direction, z.core.$ZodRegistry<{ id: string }>>> = {
  output: registryOf(ANSWERS),
  input: registryOf(REQUESTS),
};

function registryOf(schemas: Readonly<Record<string, z.ZodType>>): z.core.$ZodRegistry<{ id: string }> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  return registry;
}

function named(schemas: Readonly<Record<string, z.ZodType>>, direction: Direction): Record<string, JsonSchema> {
  const made = z.toJSONSchema(registries[direction], { io: direction, uri: (id) => `#/components/schemas/${id}` });
  const result: Record<string, JsonSchema> = {};
  for (const id of Object.keys(schemas)) result[id] = plain(made.schemas[id]);
  return result;
}

/** One schema on its own, with references to the named ones. */
function schemaOf(schema: z.core.$ZodType, direction: Direction): JsonSchema {
  const metadata = registries[direction];
  if (metadata.has(schema)) return { $ref: `#/components/schemas/${metadata.get(schema)?.id}` };
  const wrapper = z.registry<{ id: string }>();
  for (const [id, known] of Object.entries(direction === 'output' ? ANSWERS : REQUESTS)) wrapper.add(known, { id });
  wrapper.add(schema, { id: 'it' });
  const made = z.toJSONSchema(wrapper, { io: direction, uri: (id) => `#/components/schemas/${id}` });
  return plain(made.schemas['it']);
}

/** Without the marks that only a document of its own would need. */
function plain(schema: unknown): JsonSchema {
  if (typeof schema !== 'object' || schema === null) return {};
  const { $schema: _schema, $id: _id, id: _name, ...rest } = schema as Record<string, unknown>;
  return rest;
}
