import { breakingChanges } from './openapi-changes.js';

const schema = {
  type: 'object',
  properties: {
    id: { type: 'string', pattern: '^a' },
    kind: { type: 'string', enum: ['a', 'b'] },
    size: { type: 'integer', minimum: 1 },
    note: { type: ['string', 'null'] },
    child: { $ref: '#/components/schemas/Node' },
  },
  required: ['id', 'kind'],
};
const operation = {
  operationId: 'make',
  parameters: [
    { name: 'limit', in: 'query', required: false, schema: { type: 'integer', maximum: 10 } },
    { $ref: '#/components/parameters/Key' },
  ],
  requestBody: { required: true, content: { 'application/json': { schema } } },
  responses: {
    200: { headers: { ETag: {} }, content: { 'application/json': { schema } } },
    400: { $ref: '#/components/responses/Bad' },
  },
};
const released = {
  paths: { '/things': { post: operation, get: { operationId: 'list', parameters: [], responses: { 200: {} } } } },
  components: {
    parameters: { Key: { name: 'Key', in: 'header', required: false, schema: { type: 'string' } } },
    responses: {
      Bad: { content: { 'application/json': { schema: { type: 'object', properties: { code: { enum: ['X'] } } } } } },
    },
    schemas: {
      Node: { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' }, name: { type: 'string' } } },
    },
  },
};

/* eslint-disable @typescript-eslint/no-explicit-any -- documents are JSON of any shape */
const changed = (change: (document: any) => void): readonly string[] => {
  const present = JSON.parse(JSON.stringify(released));
  change(present);
  return breakingChanges(released, present);
};
const post = (document: any) => document.paths['/things'].post;
const body = (document: any) => post(document).requestBody.content['application/json'].schema;
const answer = (document: any) => post(document).responses[200].content['application/json'].schema;

describe('breaking changes of an OpenAPI document', () => {
  it('are none where nothing changed', () => {
    expect(changed(() => undefined)).toEqual([]);
  });

  it.each<[string, (document: any) => void]>([
    ['a new operation', (d) => (d.paths['/more'] = { get: operation })],
    [
      'a new optional parameter',
      (d) => post(d).parameters.push({ name: 'a', in: 'query', required: false, schema: {} }),
    ],
    ['a new optional member of a body', (d) => (body(d).properties.more = { type: 'string' })],
    ['a new member of an answer', (d) => (answer(d).properties.more = { type: 'string' })],
    ['another value that a body takes', (d) => body(d).properties.kind.enum.push('c')],
    ['a value less in an answer', (d) => answer(d).properties.kind.enum.pop()],
    ['a member of a body that need not come', (d) => body(d).required.pop()],
    ['a member of an answer that always comes', (d) => answer(d).required.push('size')],
    ['an answer that is never null', (d) => (answer(d).properties.note.type = 'string')],
    ['a new status', (d) => (post(d).responses[202] = {})],
    ['other words', (d) => (post(d).summary = 'Else')],
  ])('are none for %s', (_what, change) => {
    expect(changed(change)).toEqual([]);
  });

  it.each<[string, (document: any) => void, RegExp]>([
    ['an operation that is gone', (d) => delete d.paths['/things'].get, /GET \/things is gone/],
    ['another name of an operation', (d) => (post(d).operationId = 'create'), /make is called create/],
    ['a parameter that is gone', (d) => post(d).parameters.shift(), /limit \(query\) is gone/],
    ['a parameter that is required', (d) => (post(d).parameters[0].required = true), /limit \(query\) is required/],
    [
      'a new required parameter',
      (d) => d.paths['/things'].get.parameters.push({ name: 'q', in: 'query', required: true, schema: {} }),
      /q \(query\) is new and required/,
    ],
    [
      'a header of all that is required',
      (d) => (d.components.parameters.Key.required = true),
      /Key \(header\) is required/,
    ],
    ['a narrower bound', (d) => (post(d).parameters[0].schema.maximum = 5), /maximum was 10 and is 5/],
    ['another pattern', (d) => (body(d).properties.id.pattern = '^b'), /pattern was "\^a" and is "\^b"/],
    ['a value that a body takes no longer', (d) => body(d).properties.kind.enum.pop(), /"b" is not taken any longer/],
    ['another value in an answer', (d) => answer(d).properties.kind.enum.push('c'), /"c" is new in an answer/],
    ['null that a body takes no longer', (d) => (body(d).properties.note.type = 'string'), /"null" is not taken/],
    ['null in an answer', (d) => (answer(d).properties.size.type = ['integer', 'null']), /"null" is new in an answer/],
    ['a member that a body needs', (d) => body(d).required.push('size'), /body\.size is required/],
    ['a member that an answer may lack', (d) => answer(d).required.pop(), /200\.kind may be absent/],
    ['a member of an answer that is gone', (d) => delete answer(d).properties.size, /200\.size is gone/],
    ['a status that is gone', (d) => delete post(d).responses[400], /the answer 400 is gone/],
    ['another media type', (d) => (post(d).responses[200].content = { 'text/plain': {} }), /application\/json is gone/],
    ['a header of an answer that is gone', (d) => delete post(d).responses[200].headers.ETag, /header ETag is gone/],
    [
      'another code of an error behind a reference',
      (d) => d.components.responses.Bad.content['application/json'].schema.properties.code.enum.push('Y'),
      /400\.code: value "Y" is new in an answer/,
    ],
    [
      'a change in a schema that contains itself',
      (d) => (d.components.schemas.Node.properties.name.type = 'integer'),
      /child\.name: type/,
    ],
    ['a body that is closed', (d) => (body(d).additionalProperties = false), /no other members are taken/],
  ])('name %s', (_what, change, expected) => {
    expect(changed(change).join('\n')).toMatch(expected);
  });
});
