export type Posted = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Ends the attempt at once. */
  signal: AbortSignal;
}>;

export type Answered = Readonly<{
  /** Null where no answer came. */
  statusCode: number | null;
  /** Why none came. Holds nothing of the address but its host. */
  error: string | null;
  responseExcerpt: string | null;
  retryAfterMs: number | null;
  durationMs: number;
  /** It was ended because it took too long. */
  isLate: boolean;
}>;

/** Posts to addresses that others chose. */
export abstract class WebhookSender {
  /** Why nothing is sent to that address, as far as the address itself tells; null where something may be. */
  abstract refusalOf(url: string): string | null;
  /** Never throws. Follows no redirect, and connects to no address that is refused. */
  abstract post(posted: Posted): Promise<Answered>;
}
