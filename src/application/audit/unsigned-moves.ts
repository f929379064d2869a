/** The log's move to another server, as the audit sees it. */
import type { PlacedEvent } from './audited-log.js';
import { recordedPosition } from '../log/recorded-place.js';
import type { Finding } from './finding.js';

/** Events that say of themselves that they were recorded elsewhere, where no signed move covers them: anyone could write that. */
export class UnsignedMoves {
  readonly findings: Finding[] = [];

  /** @param covered how many events, from the first on, signed moves cover */
  constructor(private readonly covered: number) {}

  /** @param index of its leaf. Only the first is a finding: of a copy that was not signed, all are such events */
  step(event: PlacedEvent, index: number): void {
    const { position, stream, revision, movedFrom } = event;
    if (movedFrom === undefined || index < this.covered || this.findings.length > 0) return;
    this.findings.push({
      ...{ kind: 'unsigned-move', position, stream, revision, checkpoint: null },
      what:
        `It says that it was recorded at position ${recordedPosition(event)} of another log, and no signed move covers it. ` +
        'Where the log was copied here with `npm run eventstore:copy`, stop the application and run `npm run audit -- move`',
    });
  }
}
