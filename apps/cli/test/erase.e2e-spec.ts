import { aCritic } from '@app/domain';
import { ScratchDatabase, startApi, TestApi } from '@app/testing';
import { CLI, runProgram } from './run-program';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

const cli = (...args: string[]) => runProgram({ url: api.adminUrl, prefix: api.prefix } as ScratchDatabase, CLI, args);
const erase = (...args: string[]) => cli('erase', ...args);

describe('npm run cli -- erase', () => {
  it('erases what a record tells of a person, and says who did it', async () => {
    const { body: critic } = await api.http.post('/api/v1/critics').send(aCritic()).expect(201);
    expect(await erase('critic', critic.id, '--tenant', 'demo', '--reason', 'Request 4711')).toMatchObject({
      code: 0,
      stdout: 'Erased username, name, bio. Records: 1. Versions: 0. Entries of the audit: 2. Stored answers: 0.\n',
    });
    const { body } = await api.http.get(`/api/v1/critics/${critic.id}`).expect(200);
    expect(body).toMatchObject({ username: `[erased] ${critic.id}`, name: null, bio: null });
    const [latest] = (await api.http.get('/api/v1/erasures').expect(200)).body.items;
    const actor = expect.stringMatching(/^cli:\w+$/);
    expect(latest).toMatchObject({ rowId: critic.id, reason: 'Request 4711', actor, requestId: null });
    const [entry] = (await api.http.get('/api/v1/audit').expect(200)).body.items;
    expect(entry).toMatchObject({ operation: 'update', rowId: critic.id, actor });
  });

  it.each([
    [['critic', UNKNOWN_ID, '--tenant', 'demo'], 'Type npm run cli -- erase MODEL ID'],
    [['critic', 'x', '--tenant', 'demo', '--reason', 'R'], 'Type npm run cli -- erase MODEL ID'],
    [['critic', UNKNOWN_ID, '--tenant', 'nobody', '--reason', 'R'], 'There is no tenant called nobody'],
    [['poet', UNKNOWN_ID, '--tenant', 'demo', '--reason', 'R'], 'There is no model called poet.'],
    [['book', UNKNOWN_ID, '--tenant', 'demo', '--reason', 'R'], 'book has no personal columns.'],
    [['critic', UNKNOWN_ID, '--reason', 'R'], `There is no critic ${UNKNOWN_ID} in the tenant demo`], // the only one
  ])('refuses %j', async (args, sentence) => {
    expect(await erase(...args)).toMatchObject({ code: 1, said: expect.stringContaining(sentence) });
  });

  it('must be told where, if there are several tenants', async () => {
    expect(await cli('tenants', 'create', 'another')).toMatchObject({ code: 0 });
    const refused = { code: 1, said: expect.stringContaining('Say which tenant') };
    expect(await erase('critic', UNKNOWN_ID, '--reason', 'R')).toMatchObject(refused);
  });
});
