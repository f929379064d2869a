import type { Content, TableCell, TDocumentDefinitions } from 'pdfmake/interfaces.js';
import type { PackReport } from '../../../application/audit/pack/audit-pack.js';
import type { RecordedEvent } from '../../../application/log/event-log.js';
import { pdfFile } from '../../typesetting/pdf-file.js';
import { signatureBlocks } from '../signed-copy/signature-page.js';

/** The history for people: who did what, when and why; each attempt; each file. */

/** Longer texts are cut in the report, visibly; the events have them whole. */
const MOST_CHARACTERS = 300;

const packReport = ({
  executionId,
  madeAt,
  events,
  lineage,
  signatures,
  checkpoint,
}: PackReport): TDocumentDefinitions => ({
  pageSize: 'A4',
  pageOrientation: 'landscape',
  pageMargins: [36, 40, 36, 40],
  info: { title: `Audit report of execution ${executionId}`, creationDate: madeAt, modDate: madeAt },
  defaultStyle: { font: 'Roboto', fontSize: 8 },
  footer: (page, pages) => ({
    text: `Page ${page} of ${pages}`,
    alignment: 'right',
    margin: [0, 8, 36, 0],
    fontSize: 7,
  }),
  content: [
    { text: 'Audit report', fontSize: 18, bold: true },
    { text: `Execution ${executionId}; made ${madeAt.toISOString()}. All times are UTC.`, margin: [0, 2, 0, 2] },
    { text: about(events), margin: [0, 0, 0, 8] },
    titled('What is proved'),
    {
      text:
        `Each of the ${events.length} events carries the SHA-256 of its content and of the event before it, and all are under ` +
        `checkpoint ${checkpoint.number} of ${checkpoint.at}, which covers ${checkpoint.tree_size} events of the log, has the root ` +
        `${checkpoint.root} and is signed with the key ${checkpoint.key_id}. Run "node verify.mjs --key FINGERPRINT" beside this file to check it, with the fingerprint that you have from elsewhere. ` +
        'Not proved: that what agents and people said was true, and anything against the holder of the signing key.',
    },
    table(
      'Events: who, what, when, why',
      ['Rev.', 'Recorded (log)', 'Occurred (command)', 'What', 'Who', 'Why', 'Details'],
      ['auto', 'auto', 'auto', 'auto', 'auto', '*', '*'],
      events.map(eventRow),
    ),
    table(
      'Attempts',
      ['Step', 'Attempt', 'Generation', 'Outcome', 'Recorded', 'Duration ms', 'Error'],
      undefined,
      attempts(events),
    ),
    table(
      'Artifacts',
      ['File', 'Bytes', 'Step, agent, version, attempt', 'Said by the agent', 'SHA-256', 'Input hash', 'Output hash'],
      ['auto', 'auto', 80, '*', '*', '*', '*'],
      lineage.map((one) => [
        one.name,
        String(one.bytes),
        `${one.step}, ${one.agent ?? 'unknown'} ${one.agent_version ?? '(version not said)'}, attempt ${one.attempt}, generation ${one.generation}`,
        cut(JSON.stringify(one.agent_metadata)),
        one.sha256,
        one.input_hash,
        one.output_hash,
      ]),
    ),
    ...signaturePages(signatures),
  ],
});

/** On pages of their own; none where nobody has signed. */
const signaturePages = (signatures: PackReport['signatures']): Content[] =>
  signatures.length === 0
    ? []
    : [{ ...titled('Electronic signatures'), pageBreak: 'before' }, ...signatureBlocks(signatures)];

type Fields = Readonly<Record<string, unknown>>;
const objectOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');

/** What it was, and how it ended. */
const about = (events: readonly RecordedEvent[]): string => {
  const { projectId, documentType, definition, definitionHash } = objectOf(events[0]?.data);
  const last = events.at(-1);
  return (
    `Project ${text(projectId)}, document type ${text(documentType)}, definition ${text(objectOf(definition)['name'])} ` +
    `(SHA-256 ${text(definitionHash)}). Latest event: ${last?.type} of ${last?.recordedAt.toISOString()}.`
  );
};

const eventRow = ({ revision, recordedAt, type, data, metadata }: RecordedEvent): string[] => {
  const { actor, reason, occurredAt } = objectOf(metadata);
  const { type: kind, id } = objectOf(actor);
  const { step, attempt, error, decision } = objectOf(data);
  const details = [
    text(step),
    attempt === undefined ? '' : `attempt ${text(attempt)}`,
    text(objectOf(error)['message']),
    decided(objectOf(decision)),
  ];
  const who = `${text(kind)} ${text(id)}`;
  const why = cut(text(reason));
  const when = [recordedAt.toISOString(), text(occurredAt)];
  return [String(revision), ...when, type, who, why, cut(details.filter(Boolean).join(', '))];
};

/** By which rule, and what follows by itself. */
const decided = ({ rule, then, attempt, of }: Fields): string =>
  rule === undefined ? '' : `decision: ${text(rule)} (${text(attempt)} of ${text(of)}), then ${text(then)}`;

const ENDS: readonly string[] = ['StepCompleted', 'StepFailed', 'StepSkipped', 'StepInterrupted'];

const attempts = (events: readonly RecordedEvent[]): string[][] =>
  events
    .filter(({ type }) => ENDS.includes(type))
    .map(({ type, data, recordedAt }) => {
      const { step, attempt, generation, durationMs, error } = objectOf(data);
      const { type: kind, message } = objectOf(error);
      const failure = error === undefined ? '' : cut(`${text(kind)}: ${text(message)}`);
      return [
        ...[text(step), text(attempt), text(generation), type.slice('Step'.length).toLowerCase()],
        ...[recordedAt.toISOString(), text(durationMs), failure],
      ];
    });

const titled = (text: string) => ({
  text,
  fontSize: 12,
  bold: true,
  margin: [0, 12, 0, 4] as [number, number, number, number],
});

/** Its heading is in it, so that it stands on the same page, and on each that follows. */
const table = (title: string, head: string[], widths: (string | number)[] | undefined, rows: string[][]): Content => ({
  table: {
    headerRows: 2,
    keepWithHeaderRows: 1,
    widths: widths ?? head.map(() => 'auto'),
    body: [
      [{ ...titled(title), colSpan: head.length }, ...head.slice(1).map(() => '')],
      head.map((words): TableCell => ({ text: words, bold: true })),
      ...rows.map((row) => row.map(breakable)),
    ],
  },
  layout: { hLineWidth: (line, { table: { body } }) => lineWidth(line, body.length), vLineWidth: () => 0 },
});

/** None about the heading and none at the end; a strong one below the names of the columns. */
const lineWidth = (line: number, rows: number): number => {
  if (line < 2 || line === rows) return 0;
  return line === 2 ? 1 : 0.5;
};

/** Hashes and the like have no place to break a line at by themselves. */
const breakable = (words: string): TableCell => ({ text: words.replace(/\S{16}(?=\S)/g, '$&\u200B') });

const cut = (words: string): string =>
  words.length > MOST_CHARACTERS ? `${words.slice(0, MOST_CHARACTERS)} [cut here, whole in events.ndjson]` : words;

/** PDF. Takes its thread for as long as it needs: seconds for thousands of events. */
export const reportFile = (report: PackReport): Promise<Uint8Array> => pdfFile(packReport(report));
