import { eventLine, linesOf } from './lines.js';
import type { Message, Picture } from './picture.js';

export type Output = Readonly<{
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write: (text: string) => unknown;
}>;

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
/** Some characters take two columns, and no count of ours knows which: what is too wide ends at the edge. */
const [NO_WRAP, WRAP] = ['\x1b[?7l', '\x1b[?7h'];

/** On a terminal the picture is drawn over the one before; elsewhere each event is a line. */
export class Screen {
  private drawn = 0;
  private trouble: string | null = null;
  private headed = false;

  constructor(
    private readonly output: Output,
    private readonly now: () => Date,
  ) {}

  /** After a message, which only the plain lines need. */
  show(picture: Picture, message: Message): void {
    if (this.output.isTTY) return this.draw(picture);
    const { execution } = picture;
    if (message.event === 'snapshot' && !this.headed) {
      this.headed = true;
      for (const line of linesOf(picture, this.now(), Infinity, null)) if (line !== '') this.line(line);
    } else if (message.event === 'snapshot') this.line(`${execution.current_state}, ${execution.percent_complete} %`);
    if (message.event !== 'event') return;
    const percent = `${String(execution.percent_complete).padStart(3)} %`;
    this.line(`${percent}  ${execution.current_state.padEnd(12)}  ${eventLine(message.data.event)}`);
  }

  draw(picture: Picture): void {
    const { output } = this;
    if (!output.isTTY) return;
    const lines = linesOf(picture, this.now(), output.columns ?? 80, this.trouble);
    // Lines that have left the screen upwards cannot be drawn over.
    const seen = lines.slice(0, Math.max(1, (output.rows ?? 24) - 1));
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : HIDE_CURSOR;
    output.write(`${up}\r\x1b[J${NO_WRAP}${seen.join('\n')}\n${WRAP}`);
    this.drawn = seen.length;
  }

  connection(trouble: string | null, picture: Picture | null): void {
    const was = this.trouble;
    this.trouble = trouble;
    if (this.output.isTTY && picture) return this.draw(picture);
    if (trouble !== null) this.line(trouble);
    else if (was !== null) this.line('Connected again');
  }

  /** What is written after this begins on a line of its own, with a cursor. */
  end(): void {
    if (this.output.isTTY && this.drawn > 0) this.output.write(SHOW_CURSOR);
  }

  line(text: string): void {
    this.output.write(`${text}\n`);
  }
}
