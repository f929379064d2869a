/** The end of a survey: how many executions would have gone otherwise, by kind of difference. Bounded, however many there are. */
import type { Surveyed } from '../../../application/replay/verdict.js';
import { DIFFERENCES, type DifferenceKind } from '../../../domain/workflow/what-if/difference.js';
import { fitted } from './lines.js';

const EXAMPLES = 10;

export class Tally {
  executions = 0;
  events = 0;
  differ = 0;
  failed = 0;
  private lost = 0;
  private readonly byKind = new Map<DifferenceKind, { executions: number; decisions: number; example: string }>();
  private readonly errors: string[] = [];

  add({ executionId, verdict, error }: Surveyed): void {
    this.executions++;
    if (!verdict) {
      this.failed++;
      if (this.errors.length < EXAMPLES) this.errors.push(`${executionId}: ${error}`);
      return;
    }
    this.events += verdict.events;
    if (verdict.differences.length > 0) this.differ++;
    if (verdict.fitsUntil !== null) this.lost++;
    for (const kind of new Set(verdict.differences.map((difference) => difference.kind))) {
      const of = this.byKind.get(kind) ?? { executions: 0, decisions: 0, example: executionId };
      of.executions++;
      of.decisions += verdict.differences.filter((difference) => difference.kind === kind).length;
      this.byKind.set(kind, of);
    }
  }

  /** 0 where none differs, 1 where one does, 2 where one could not be read. */
  get exitCode(): number {
    return this.failed > 0 ? 2 : this.differ > 0 ? 1 : 0;
  }

  text(): string[] {
    const rows = DIFFERENCES.flatMap((kind) => {
      const of = this.byKind.get(kind);
      return of ? [row(kind, String(of.executions), String(of.decisions), of.example)] : [];
    });
    const table = rows.length > 0 ? [row('difference', 'executions', 'decisions', 'for example'), ...rows, ''] : [];
    return [
      ...table,
      `${this.executions} executions, ${this.events} events: ${this.differ} would differ, of ${this.lost} not the whole can be said, ${this.failed} could not be read.`,
      ...this.errors.map((error) => fitted(`  ${error}`)),
    ];
  }

  json(): string {
    const { executions, events, differ, failed, lost } = this;
    const kinds = Object.fromEntries(this.byKind);
    return JSON.stringify({ summary: { executions, events, differ, cut_short: lost, failed, kinds } });
  }
}

const row = (kind: string, executions: string, decisions: string, example: string) =>
  `${kind.padEnd(12)}${executions.padStart(12)}${decisions.padStart(12)}  ${example}`;
