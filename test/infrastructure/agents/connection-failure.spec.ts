import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { connectionFailure } from '../../../src/infrastructure/agents/connection-failure.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';

const classed = (error: unknown) => connectionFailure('Agent "a" at http://a', error, defaultAgentLimits).error;
const coded = (code: string, message = 'm') => Object.assign(new Error(message), { code });

test("a certificate for another name is fatal, as Node's own check reports it", () => {
  const error = checkServerIdentity('agent.example', {
    subject: { CN: 'other.example' },
    subjectaltname: 'DNS:other.example',
  } as unknown as PeerCertificate);
  expect(classed(error)).toMatchObject({ type: 'fatal', code: 'TLS_NAME' });
  expect(classed(new TypeError('failed', { cause: error }))).toMatchObject({ type: 'fatal', code: 'TLS_NAME' });
});

test.each([
  ['CERT_HAS_EXPIRED', 'transient', 'NETWORK'],
  ['ECONNRESET', 'transient', 'NETWORK'],
  ['UND_ERR_CONNECT_TIMEOUT', 'transient', 'NETWORK'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'transient', 'ANSWER_TOO_LARGE'],
  ['UND_ERR_INVALID_ARG', 'fatal', 'REQUEST_INVALID'],
])('%s is %s %s', (from, type, code) => {
  expect(classed(coded(from))).toMatchObject({ type, code });
});

test('of several addresses that failed, the first error is shown', () => {
  const error = new AggregateError([coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:9'), coded('ECONNREFUSED')], '');
  expect(classed(error).message).toContain('connect ECONNREFUSED ::1:9');
});

test.each([undefined, null, 'text', 7, {}])('%p may be thrown too', (error) => {
  expect(classed(error)).toMatchObject({ type: 'transient', code: 'NETWORK' });
});

test('a long message is cut, and holds no control characters', () => {
  const { message } = classed(new Error(`a\u0000b\u001b[31m${'x'.repeat(10_000)}`));
  expect(message).toHaveLength(defaultAgentLimits.messageLength);
  expect(message).toMatch(/a b \[31mx+…$/);
});
