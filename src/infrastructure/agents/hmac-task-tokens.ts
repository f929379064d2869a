import { createHmac, timingSafeEqual } from 'node:crypto';
import { TaskTokens, type AttemptRef } from '../../application/workflow/tasks.js';

const ID_BYTES = 16;
const ATTEMPT_BYTES = 4;
const MAC_BYTES = 32;
const LONGEST = 512;

/** What is signed begins with this, so that the secret may come to serve other ends. */
const PURPOSE = 'workflow-executor/task-token/1';

/**
 * The attempt in clear and a MAC of it (HMAC-SHA-256), as base64url: nothing needs to be stored for a token, whoever has
 * the secret can read it, and who has not cannot make one.
 */
export class HmacTaskTokens extends TaskTokens {
  constructor(private readonly secret: Uint8Array) {
    super();
  }

  issue({ executionId, step, attempt }: AttemptRef): string {
    const number = Buffer.alloc(ATTEMPT_BYTES);
    number.writeUInt32BE(attempt);
    const id = Buffer.from(executionId.replaceAll('-', ''), 'hex');
    const content = Buffer.concat([id, number, Buffer.from(step, 'utf8')]);
    return Buffer.concat([this.mac(content), content]).toString('base64url');
  }

  read(token: string): AttemptRef | null {
    if (token.length > LONGEST) return null;
    const bytes = Buffer.from(token, 'base64url');
    const content = bytes.subarray(MAC_BYTES);
    // Decoding passes over what is not base64url: one attempt has one token and not many that look alike.
    const isWhole = content.length > ID_BYTES + ATTEMPT_BYTES && bytes.toString('base64url') === token;
    if (!isWhole || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(content))) return null;
    return {
      executionId: content.toString('hex', 0, ID_BYTES).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      step: content.toString('utf8', ID_BYTES + ATTEMPT_BYTES),
      attempt: content.readUInt32BE(ID_BYTES),
    };
  }

  private mac(content: Uint8Array): Buffer {
    return createHmac('sha256', this.secret).update(PURPOSE).update('\0').update(content).digest();
  }
}
