import { EventEmitter, once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server';

/** A letter as it was handed in. */
export interface Letter {
  from: string;
  to: string;
  subject: string;
  text: string;
}

/** A step of a client at which the server refuses it, and in which words; LINK in them becomes the link in the letter. */
export interface MailRefusal {
  at: 'connect' | 'auth' | 'recipient' | 'letter';
  code: number;
  words: string;
}

type Answer = (error?: Error | null) => void;

/** A mail server on 127.0.0.1 that takes every letter, unless it is told to be slow, to refuse it, or to say nothing. */
export class MailServer {
  /** Every letter, whether it was taken or not. */
  readonly letters: Letter[] = [];
  /** The login and the password that the last client gave. */
  credentials: unknown[] = [];
  /** How many connections were made to it. */
  connections = 0;
  refusal?: MailRefusal;
  /** Whether it says nothing: not even who it is. */
  isSilent = false;
  /** What it waits for before it takes a letter. */
  beforeTaking: Promise<unknown> = Promise.resolve();
  private readonly events = new EventEmitter();
  private readonly sockets = new Set<Socket>();
  private readonly server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    authOptional: true,
    disableReverseLookup: true,
    onConnect: (_session, answer) => {
      if (!this.isSilent) this.answer('connect', answer);
    },
    onAuth: ({ username, password }, _session, answer) => {
      this.credentials = [username, password];
      this.answer('auth', (error) => answer(error, { user: username }));
    },
    onRcptTo: (_address, _session, answer) => this.answer('recipient', answer),
    onData: (stream, _session, answer) => void this.take(stream, answer),
  });

  static async start(): Promise<MailServer> {
    const mail = new MailServer();
    mail.server.server.on('connection', (socket: Socket) => {
      mail.connections++;
      mail.sockets.add(socket);
      socket.on('close', () => mail.sockets.delete(socket));
      mail.events.emit('client');
    });
    mail.server.on('error', () => undefined); // a client that is hung up on
    await once(mail.server.listen(0, '127.0.0.1'), 'listening');
    return mail;
  }

  /** Its host and port. */
  get address(): string {
    return `127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  /** How many of its connections are open. */
  get open(): number {
    return this.sockets.size;
  }

  /** Waits for the letter to an address with a link that begins an act, and gives the token in it. */
  async tokenTo(email: string, act: 'verify' | 'reset' | 'accept'): Promise<string> {
    const link = new RegExp(`#${act}=([\\w-]{43})&`);
    for (;;) {
      const letter = this.letters.findLast(({ to, text }) => to === email && link.test(text));
      if (letter) return link.exec(letter.text)![1];
      await once(this.events, 'letter');
    }
  }

  /** Waits for somebody to come. */
  async nextClient(): Promise<void> {
    await once(this.events, 'client');
  }

  hangUp(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.hangUp();
    await new Promise<void>((closed) => this.server.close(() => closed()));
  }

  private async take(stream: SMTPServerDataStream, answer: Answer): Promise<void> {
    const { from, to, subject, text } = await PostalMime.parse(await buffer(stream));
    await this.beforeTaking;
    this.letters.push({ from: from!.address!, to: to![0].address!, subject: subject!, text: text! });
    this.events.emit('letter');
    this.answer('letter', answer);
  }

  private answer(at: MailRefusal['at'], answer: Answer): void {
    if (this.refusal?.at !== at) return answer();
    const words = this.refusal.words.replace('LINK', () => /https?:\S+/.exec(this.letters.at(-1)?.text ?? '')![0]);
    answer(Object.assign(new Error(words), { responseCode: this.refusal.code }));
  }
}
