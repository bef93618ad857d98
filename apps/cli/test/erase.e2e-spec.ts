import { aCritic } from '@app/domain';
import { ScratchDatabase, startApi, TestApi } from '@app/testing';
import { CLI, runProgram } from './run-program';

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

let api: TestApi;
beforeAll(async () => (api = await startApi()));
afterAll(() => api.close());

const erase = (...args: string[]) =>
  runProgram({ url: api.adminUrl, prefix: api.prefix } as ScratchDatabase, CLI, ['erase', ...args]);

describe('npm run cli -- erase', () => {
  it('erases what a record tells of a person, and says who did it', async () => {
    const { body: critic } = await api.http.post('/api/v1/critics').send(aCritic()).expect(201);
    expect(await erase('critic', critic.id, '--tenant', 'demo', '--reason', 'Request 4711')).toMatchObject({
      code: 0,
      stdout:
        'Erased username, name, bio from 1 records, 0 versions and 2 entries of the audit, and 0 stored answers.\n',
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
    [
      ['critic', UNKNOWN_ID, '--tenant', 'demo', '--reason', 'R'],
      `There is no critic ${UNKNOWN_ID} in the tenant demo`,
    ],
  ])('refuses %j', async (args, sentence) => {
    expect(await erase(...args)).toMatchObject({ code: 1, said: expect.stringContaining(sentence) });
  });
});
