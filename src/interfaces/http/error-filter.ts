import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { answerTo } from './server/error-answer.js';
import { askedToReconnect, type StreamBounds } from './streams/response-sink.js';
import { loggedPath } from './server/route-group.js';

/** The one place where an error becomes an answer: `{success: false, error: {code, message, details}}`. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  constructor(private readonly streams: Pick<StreamBounds, 'retryMs'>) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const requestId = String(response.getHeader('X-Request-Id') ?? '');
    const { status, headers, body, isServerFault: isOurs } = answerTo(error, request, requestId);
    const where = `${request.method} ${loggedPath(request)} (request ${requestId})`;
    // Of what passes by itself the log needs the reason; of what nobody foresaw, the place.
    if (isOurs && status === 503) this.logger.warn(`${where}: ${body.code}, ${reasonOf(error)}`);
    else if (isOurs) this.logger.error(`${where}: ${text(error)}`);
    if (response.headersSent) {
      // Half an answer must not look like a whole one.
      response.destroy();
      return;
    }
    if (askedToReconnect(request, response, { status, headers, body }, this.streams)) return;
    for (const name of ['ETag', 'Content-Disposition', 'Content-Type']) response.removeHeader(name);
    response.status(status).set(headers).json({ success: false, error: body });
  }
}

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
};

const text = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
