import { idOf, upTo } from '../books';
import { Plan } from '../plan';
import { pathOf } from './single';
import { Workload } from './workload';

/** Reads of one book by id, in a single tenant, whatever others there are. */
export const oneBusy = (plan: Plan): Workload => reads(plan, 'in one tenant', 1.1, 1);

/** The same in all tenants by turns. */
export const spread = (plan: Plan): Workload => reads(plan, 'in all tenants by turns', 1.5, plan.tenants);

function reads(plan: Plan, where: string, atMostTimes: number, tenants: number): Workload {
  return {
    name: 'tenants',
    figures: [
      { title: `read one ${where}`, unit: 'requests/s', atMostTimes },
      { title: `read one ${where}: memory of a backend`, unit: 'MB' },
    ],
    measure: async (target, round) => {
      const anywhere = () => idOf(1 + Math.floor(Math.random() * target.holds));
      const count = round ? plan.readsOfOne : Math.max(plan.warmUp, 10 * tenants); // each of its connections has met each tenant
      const requests = upTo(count, () => ({ method: 'GET', path: `${pathOf(target)}/${anywhere()}` }));
      const rate = await target.hammer(requests, Math.min(tenants, target.credentials.length));
      return [rate, await target.backendMegabytes()];
    },
  };
}
