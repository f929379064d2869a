import { errors } from 'undici';
import { reasonOf } from '../../application/runtime/errors.js';
import { bounded, failure, type Failure } from './failures.js';
import type { AgentLimits } from './limits.js';

/** Classes what undici throws: there was no complete answer. `where` names the agent and its address. */
export const connectionFailure = (where: string, error: unknown, limits: AgentLimits): Failure => {
  const code = codeOf(error);
  const fail = (type: Failure['error']['type'], name: string, text: string) =>
    failure(type, name, bounded(text, limits.messageLength));
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fail(
      'fatal',
      'TLS_NAME',
      `${where} shows a certificate for another name. Correct the URL or the certificate`,
    );
  if (code === 'UND_ERR_INVALID_ARG')
    return fail('fatal', 'REQUEST_INVALID', `${where} cannot be called: ${reasonOf(error)}`);
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return fail('transient', 'ANSWER_TOO_LARGE', `${where}: expected at most ${limits.answerBytes} bytes, got more`);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return fail('transient', 'ANSWER_TOO_LARGE', `${where}: the headers of its answer are too large`);
  if (error instanceof errors.HTTPParserError)
    return fail('transient', 'INVALID_ANSWER', `${where}: expected an HTTP answer, got something else`);
  return fail(
    'transient',
    'NETWORK',
    `${where}: the connection failed before the answer was complete: ${reasonOf(error)}`,
  );
};

type Thrown = Readonly<{ code?: unknown; message?: unknown; cause?: unknown; errors?: unknown }> | null | undefined;

const codeOf = (error: unknown): string => {
  const { code, cause } = (error as Thrown) ?? {};
  if (typeof code === 'string') return code;
  return cause ? codeOf(cause) : '';
};
