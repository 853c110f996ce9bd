// What the tests put into their pages, or find there.

/** The page of plain.test.js. */
declare var plain: {
  pc: RTCPeerConnection;
  bytes(label: 'ro' | 'uu', size: number): Promise<boolean>;
  text(label: 'ro' | 'uu', text: string): Promise<string>;
  inOrder(count: number): Promise<number>;
};

/** The room's view for tests: see web/room/main.js. */
declare var patchcordRoom: {
  state: string;
  me: number | null;
  people: Map<number, {
    name: string; look: number; x: number; y: number; down: boolean; waving: boolean; hasPointer: boolean; away: boolean;
  }>;
  link: { rttMs: number | null; jitterMs: number | null; oneWayMs: number | null; loss: number | null };
  lines: { author: number; name: string; text: string }[];
  timing: { postedAt: number | null; answeredAt: number | null; openedAt: number | null } | null;
};

/** The page of session.test.js. */
declare var session: {
  connection: any;
  told: { state: string; resumed?: boolean; cause?: string; words?: string; code?: string; at: number }[];
  echoed: [string, string][];
  sending: ReturnType<typeof setInterval>;
};
