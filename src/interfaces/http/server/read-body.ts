import type { Request } from 'express';
import { bodyTooLarge, Refusal } from './refusal.js';

/** @throws Refusal 413 as soon as there are more bytes than `limit`: nothing is read after that */
export const readBody = (request: Request, limit: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const leave = () => {
      request.off('data', take).off('end', whole).off('error', broken).off('close', broken);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limit) return void chunks.push(chunk);
      leave();
      request.pause();
      reject(bodyTooLarge(limit, undefined));
    };
    const whole = () => {
      leave();
      resolve(Buffer.concat(chunks, bytes));
    };
    const broken = () => {
      leave();
      reject(new Refusal(400, 'INVALID_REQUEST', `body: expected all of it, got ${bytes} bytes before it broke off`));
    };
    request.on('data', take).on('end', whole).on('error', broken).on('close', broken);
  });
