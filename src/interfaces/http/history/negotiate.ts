import type { Request } from 'express';
import { Refusal } from '../server/refusal.js';

const JSON_PAGE = 'application/json';
const LINES = 'application/x-ndjson';
const BATCH = 'application/cloudevents-batch+json';

export type Wanted = Readonly<{ mediaType: string; lines: boolean; cloudEvents: boolean }>;

/** @throws Refusal 406 with what is offered */
export const negotiate = (request: Request, format: 'json' | 'cloudevents' | undefined): Wanted => {
  const offered = {
    json: [JSON_PAGE, LINES],
    cloudevents: [BATCH, LINES],
    any: [JSON_PAGE, LINES, BATCH],
  }[format ?? 'any'];
  const mediaType = request.accepts(offered);
  if (!mediaType) {
    const given = format === undefined ? '' : ` for format=${format}`;
    const message = `Accept: expected one of ${offered.join(', ')}${given}`;
    throw new Refusal(406, 'NOT_ACCEPTABLE', message, { offered });
  }
  return { mediaType, lines: mediaType === LINES, cloudEvents: format === 'cloudevents' || mediaType === BATCH };
};
