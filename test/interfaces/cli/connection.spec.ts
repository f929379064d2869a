import { connectionOf } from '../../../src/interfaces/cli/connection.js';
import type { Profiles } from '../../../src/interfaces/cli/profiles.js';

const known: Profiles = {
  current: 'test',
  profiles: { test: { url: 'http://test:1', key: 'test-key' }, live: { url: 'https://live', key: 'live-key' } },
};
const none = () => ({ current: null, profiles: {} });
const untouched = (): Profiles => {
  throw new Error('the profiles were read');
};

test('an option counts before the environment, the environment before the profile in use', () => {
  expect(connectionOf({}, {}, none)).toEqual({ url: 'http://127.0.0.1:3000', key: null });
  expect(connectionOf({}, {}, () => known)).toEqual({ url: 'http://test:1', key: 'test-key' });
  expect(connectionOf({}, { WORKFLOW_URL: 'http://env:2/' }, untouched)).toEqual({ url: 'http://env:2', key: null });
  const env = { WORKFLOW_URL: 'http://env:2', WORKFLOW_API_KEY: 'env-key' };
  expect(connectionOf({}, env, untouched)).toEqual({ url: 'http://env:2', key: 'env-key' });
  expect(connectionOf({ profile: 'live' }, env, () => known)).toEqual({ url: 'https://live', key: 'live-key' });
  expect(connectionOf({ profile: 'live', key: 'own' }, env, () => known)).toEqual({ url: 'https://live', key: 'own' });
});

test('a key is never sent to another address than the one that it stands beside', () => {
  const env = { WORKFLOW_URL: 'http://env:2', WORKFLOW_API_KEY: 'env-key' };
  expect(connectionOf({ url: 'http://other:3' }, env, untouched)).toEqual({ url: 'http://other:3', key: null });
  expect(connectionOf({ url: 'http://other:3' }, {}, () => known)).toEqual({ url: 'http://other:3', key: null });
  expect(connectionOf({ url: 'http://other:3', profile: 'live' }, {}, () => known).key).toBeNull();
  expect(connectionOf({ url: 'http://other:3' }, { WORKFLOW_API_KEY: 'env-key' }, none).key).toBe('env-key');
});

test('what is wrong is named, and no secret repeated', () => {
  const message = (given: Parameters<typeof connectionOf>[0], env = {}) => {
    try {
      connectionOf(given, env, () => known);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  };
  expect(message({ profile: 'liev' })).toBe('--profile: expected one of test, live, got liev');
  expect(message({ url: 'ftp://ann:secret@host' })).toBe(
    'Expected an http or https URL as --url, got "ftp://[hidden]@host"',
  );
  expect(message({ url: 'http://ann:secret@host' })).not.toContain('secret');
  expect(message({ key: 'two secrets' })).toBe('Expected one key or token of at most 16384 characters as --key');
  expect(message({}, { WORKFLOW_URL: 'nonsense' })).toContain('WORKFLOW_URL');
  expect(message({ 'key-file': '/nowhere/key' })).toContain('--key-file');
});
