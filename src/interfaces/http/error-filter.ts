import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Outages } from '../../application/runtime/outage-log.js';
import { Forbidden, Unauthenticated } from '../../application/access/principal.js';
import type { AccessLog } from '../../application/access/access-log.js';
import { reasonOf } from '../../application/runtime/errors.js';
import { knownPrincipalOf, routeOf } from './access/principal.js';
import { clientOf } from './server/client.js';
import { answerTo, stackOf } from './server/error-answer.js';
import { asksForProblem, sendProblem } from './server/problem-json.js';
import { askedToReconnect, type StreamBounds } from './streams/response-sink.js';
import { loggedPath } from './server/route-group.js';

/** The one place where an error becomes an answer: `{success: false, error: {code, message, details}}`, or a problem of RFC 9457. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  constructor(
    private readonly streams: Pick<StreamBounds, 'retryMs'>,
    private readonly outages: Pick<Outages, 'take'> = { take: () => false },
    private readonly accessLog: Pick<AccessLog, 'denied'> = { denied: () => undefined },
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    if (error instanceof Unauthenticated || error instanceof Forbidden) this.noteDenial(error, request);
    const requestId = String(response.getHeader('X-Request-Id') ?? '');
    const found = answerTo(error, request, requestId);
    const { status, headers, body, isServerFault } = found;
    const where = `${request.method} ${loggedPath(request)} (request ${requestId})`;
    // For a failure that passes by itself the log needs the reason; for an unforeseen error, the stack.
    if (isServerFault && status === 503) {
      if (!this.outages.take('Http', `${where}: ${body.code}`, error))
        this.logger.warn(`${where}: ${body.code}, ${reasonWithCause(error)}`);
    } else if (isServerFault) this.logger.error(`${where}: ${stackOf(error)}`);
    if (response.headersSent) {
      // Half an answer must not look like a whole one.
      response.destroy();
      return;
    }
    if (askedToReconnect(request, response, { status, headers, body }, this.streams)) return;
    for (const name of ['ETag', 'Content-Disposition', 'Content-Type']) response.removeHeader(name);
    response.vary('Accept');
    response.status(status).set(headers);
    if (asksForProblem(request)) sendProblem(request, response, found);
    else response.json({ success: false, error: body });
  }

  /** Here and not in the guards, so that what a handler denies is noted as well. */
  private noteDenial(error: Unauthenticated | Forbidden, request: Request): void {
    const asked = { principal: knownPrincipalOf(request), address: clientOf(request).address, route: routeOf(request) };
    this.accessLog.denied(error, asked);
  }
}

const reasonWithCause = (error: unknown): string => {
  const { cause } = error as Error;
  return cause instanceof Error ? `${reasonOf(error)}: ${reasonOf(cause)}` : reasonOf(error);
};
