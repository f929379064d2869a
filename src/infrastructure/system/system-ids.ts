import { randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import { Ids } from '../../application/log/ids.js';

export class SystemIds extends Ids {
  uuid(): string {
    return randomUUID();
  }

  orderedUuid(): string {
    return v7();
  }

  jitter(): number {
    return Math.random();
  }
}
