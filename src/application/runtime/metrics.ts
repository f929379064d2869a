/** Numbers about this process, for whoever collects them. Labels are names from a bounded set: no ids, nothing that users write. */
export abstract class Metrics {
  /** MIME type of what `expose` gives. */
  abstract readonly contentType: string;
  abstract expose(): Promise<string>;
  /** @param route the template, not the path */
  abstract request(method: string, route: string, status: number, seconds: number): void;
}
