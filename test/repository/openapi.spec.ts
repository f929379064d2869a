/** The OpenAPI document: made of the code, held against every answer, compared with what was released. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OPENAPI_FILE, openApiText } from '../../scripts/openapi-document.js';
import { breakingChanges, RELEASED_FILE } from './openapi-changes.js';
import { ALL_CODES } from '../../src/interfaces/http/contract/error-schemas.js';
import { AnswerCheck, type Answered } from '../e2e/support/contract.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- the document is JSON of any shape */
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

describe('docs/openapi.json', () => {
  it('is what the code makes', async () => {
    if (readFileSync(OPENAPI_FILE, 'utf8') !== (await openApiText()))
      throw new Error('docs/openapi.json is not what the code makes: run `npm run docs:openapi` and commit the file');
  });

  it('breaks no client of the released document', () => {
    expect(breakingChanges(read(RELEASED_FILE), read(OPENAPI_FILE))).toEqual([]);
  });

  it('has every code of an error that the sources name', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const named = files.flatMap((file) => {
      const text = readFileSync(path.join('src', file), 'utf8');
      return [
        ...text.matchAll(/(?:InvalidRequest\(|unknownWords\(|Unauthenticated\(|Refusal\(\s*\d+,)\s*'([A-Z_]+)'/g),
      ].map(([, code]) => code);
    });
    // A client that has left gets no answer.
    const unknown = [...new Set(named)].filter((code) => code !== 'CLIENT_LEFT' && !ALL_CODES.includes(code!));
    expect(unknown).toEqual([]);
    expect(named.length).toBeGreaterThan(40);
  });

  it('has a description and an example for every parameter, member, answer and header', () => {
    const { paths, components } = read(OPENAPI_FILE);
    const mute: string[] = [];
    const look = (part: any, where: string): void => {
      for (const [name, member] of Object.entries<any>(part.properties ?? {})) {
        // What has a name is described under it.
        if (!member.description && !(member.anyOf?.[0] ?? member).$ref)
          mute.push(`${where}.${name} has no description`);
        look(member, `${where}.${name}`);
      }
      if (part.items) look(part.items, `${where}[]`);
      for (const each of part.anyOf ?? part.oneOf ?? []) look(each, where);
    };
    for (const [name, schema] of Object.entries<any>(components.schemas)) look(schema, name);
    const operations = Object.values<any>(paths).flatMap((verbs) => Object.values<any>(verbs));
    const { responses: shared } = components;
    operations.push({ operationId: 'errors', parameters: [], responses: shared });
    for (const { operationId, parameters, responses } of operations) {
      const named = [...parameters, ...Object.values<any>(responses)].filter((each) => !each.$ref);
      for (const each of named) {
        if (!each.description) mute.push(`${operationId}: ${JSON.stringify(each).slice(0, 80)} has no description`);
        for (const { example, schema } of each.content ? Object.values<any>(each.content) : [each]) {
          const isEmpty = example === undefined && !['204', '303', '304'].some((code) => responses[code] === each);
          if (isEmpty) mute.push(`${operationId}: ${each.name ?? each.description} has no example`);
          if (schema) look(schema, operationId);
        }
      }
    }
    for (const [name, { description, example }] of [
      ...Object.entries<any>(components.parameters),
      ...Object.entries<any>(components.headers),
    ])
      if (!description || example === undefined) mute.push(`${name} has no description or no example`);
    expect(mute).toEqual([]);
  });
});

describe('an answer is held against the document', () => {
  const answered = (status: number, body: unknown, more: Partial<Answered> = {}): Answered => ({
    ...{ method: 'GET', url: 'http://127.0.0.1:1/health/live', status },
    ...{ contentType: 'application/json; charset=utf-8', text: JSON.stringify(body), ...more },
  });
  const live = answered(200, { success: true, data: { live: true } });
  const checked = (change: (document: any) => void = () => undefined) => {
    const { paths, components } = read(OPENAPI_FILE);
    const document = { paths: { '/health/live': paths['/health/live'] }, components };
    change(document);
    return new AnswerCheck(document);
  };
  const liveness = (document: any) => document.paths['/health/live'].get.responses;

  it('and passes as it is', () => {
    const lines: string[] = [];
    new AnswerCheck(read(OPENAPI_FILE), (line) => lines.push(line)).check(live);
    expect(lines).toEqual(['getLiveness 200']);
  });

  it.each<[string, (document: any) => void, RegExp]>([
    [
      'lacks the status',
      (document) => delete liveness(document)['200'],
      /answered 200, which getLiveness does not have/,
    ],
    [
      'lacks the media type',
      (document) => (liveness(document)['200'].content = { 'text/plain': { schema: { type: 'string' } } }),
      /expected text\/plain with 200, got application\/json/,
    ],
    [
      'lacks a member',
      (document) => delete liveness(document)['200'].content['application/json'].schema.properties.data.properties.live,
      /must NOT have additional properties/,
    ],
    [
      'has a member too many',
      (document) => liveness(document)['200'].content['application/json'].schema.required.push('request'),
      /must have required property 'request'/,
    ],
    [
      'has another type',
      (document) =>
        (liveness(document)['200'].content['application/json'].schema.properties.data.properties.live = {
          type: 'string',
        }),
      /must be string/,
    ],
    ['lacks the operation', (document) => delete document.paths['/health/live'], /has no such operation/],
  ])('and fails where a document %s', (_what, change, expected) => {
    expect(() => checked(change).check(live)).toThrow(expected);
  });

  it('and fails where an error has a code that the operation does not name', () => {
    const error = { success: false, error: { code: 'REVISION_MISMATCH', message: 'x', details: {} } };
    expect(() => checked().check(answered(400, error))).toThrow(/code must be equal to one of the allowed values/);
  });

  it('and fails where it has a header that the operation does not name', () => {
    const headers = new Headers({ location: '/elsewhere' });
    expect(() => checked().check({ ...live, headers })).toThrow(/has the header Location/);
  });

  it('and fails where a body was taken that the operation has otherwise', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const check = checked((document) => {
      document.paths['/health/live'].get.requestBody = { content: { 'application/json': { schema } } };
    });
    check.check({ ...live, sent: '{"a":"b"}' });
    expect(() => check.check({ ...live, sent: '{"a":1}' })).toThrow(/the body was taken.*must be string/);
  });

  it('and has to be an error where there is no such route', () => {
    const error = { success: false, error: { code: 'UNKNOWN_ROUTE', message: 'x', details: {} } };
    const url = 'http://127.0.0.1:1/nowhere';
    checked().check(answered(404, error, { url }));
    expect(() => checked().check(answered(404, { message: 'Not Found' }, { url }))).toThrow(/is not as docs/);
  });
});
