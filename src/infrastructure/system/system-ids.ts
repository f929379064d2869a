import { randomUUID } from 'node:crypto';
import { Ids } from '../../application/ids.js';

export class SystemIds extends Ids {
  uuid(): string {
    return randomUUID();
  }

  jitter(): number {
    return Math.random();
  }
}
