import { LogUnavailable } from '../../../src/application/log/event-log.js';
import { LogDiagnosis } from '../../../src/infrastructure/eventstore/log-diagnosis.js';

const { faultOf } = new LogDiagnosis();
const caused = (cause: Error) => new LogUnavailable('The log cannot be read', { cause });
const with_ = (more: object, message = 'no') => Object.assign(new Error(message), more);

const said: readonly (readonly [string | undefined, Error])[] = [
  ['CREDENTIALS_REFUSED', with_({ code: 16 })],
  // The client calls both so.
  ['CREDENTIALS_REFUSED', with_({ code: 16, type: 'access-denied' }, 'access-denied: 16 UNAUTHENTICATED: ')],
  ['CREDENTIALS_REFUSED', new Error('Error: 16 UNAUTHENTICATED: ')],
  ['RIGHTS_MISSING', with_({ code: 7 })],
  ['RIGHTS_MISSING', with_({ reason: 'denied' })],
  ['RIGHTS_MISSING', new Error('Access Denied (status 7)')],
  ['TLS_FAILED', new Error('14 UNAVAILABLE: No connection established. Last error: Error: self-signed certificate.')],
  ['TLS_FAILED', new Error('No connection established. Last error: SSL routines:ssl3_get_record:wrong version number')],
  ['TLS_FAILED', new Error("ERR_TLS_CERT_ALTNAME_INVALID: Hostname/IP does not match certificate's altnames")],
  ['NO_QUORUM', new Error('Server Is Not Ready (status 0)')],
  ['NO_QUORUM', with_({ type: 'not-leader' }, '5 NOT_FOUND: Leader info available')],
  ['NO_CONNECTION', new Error('14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED')],
  ['NO_CONNECTION', new Error('Name resolution failed for target dns:nowhere:1')],
  [undefined, with_({ code: 14 }, '14 UNAVAILABLE: Server Is Too Busy')],
  [undefined, new Error('no answer within 5000 ms')],
];

test.each(said.map(([fault, error]) => ({ fault, text: error.message, error })))(
  '"$text" is $fault',
  ({ fault, error }) => {
    expect(faultOf(error)).toBe(fault);
    expect(faultOf(caused(error))).toBe(fault);
  },
);

test('whatever was thrown is no reason to throw', () => {
  const round = new Error('round');
  round.cause = round;
  for (const thrown of [undefined, null, 'text', 7, {}, round]) expect(faultOf(thrown)).toBeUndefined();
});
