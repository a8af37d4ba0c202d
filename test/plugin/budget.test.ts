import {describe, expect, it} from 'vitest';
import {createBudget} from '../../src/plugin/budget.js';

function budgetOf(share: number, {cores = 2, each = 0, first = 0} = {}) {
  const clock = {now: 0};
  return {clock, budget: createBudget({share, cores, now: () => clock.now, cost: {each, first}})};
}

describe('the budget', () => {
  it('charges the time the training thread stood still against the time it trained', () => {
    const {clock, budget} = budgetOf(0.1);
    budget.begin();
    clock.now = 1000;
    budget.blocked(200);
    expect(budget.spending()).toEqual({training: 800, blocked: 200, child: 0});
    expect(budget.shares()).toEqual({blocked: 0.25, child: 0, total: 0.25});
  });

  it('charges the child for its share of the cores, and keeps it apart', () => {
    const {clock, budget} = budgetOf(0.1, {cores: 4});
    budget.begin();
    clock.now = 1000;
    budget.measured(400);
    expect(budget.shares()).toEqual({blocked: 0, child: 0.1, total: 0.1});
  });

  it('refuses a reading until enough has been trained to pay for it', () => {
    const {clock, budget} = budgetOf(0.05);
    budget.blocked(100);
    budget.begin();
    clock.now = 1999;
    expect(budget.affords(0)).toBe(false);
    clock.now = 2000;
    expect(budget.affords(0)).toBe(true);
  });

  it('puts what was spent before training on no account', () => {
    const {clock, budget} = budgetOf(0.05);
    budget.blocked(100);
    budget.begin();
    clock.now = 1000;
    expect(budget.spending()).toEqual({training: 1000, blocked: 0, child: 0});
  });

  it('plans the same steps whether readings are measured at once or wait for the inversion', () => {
    const stepsRead = ({atOnce}: {atOnce: boolean}): number[] => {
      const {clock, budget} = budgetOf(0.05, {cores: 1, each: 125, first: 50});
      budget.begin();
      const steps: number[] = [];
      for (let step = 1; step <= 1000; step++) {
        clock.now += 20;
        if (!budget.affords(atOnce ? 0 : steps.length)) continue;
        steps.push(step);
        budget.taken();
        if (atOnce) budget.measured(100);
      }
      return steps;
    };
    expect(stepsRead({atOnce: true})).toEqual([175, 300, 425, 550, 675, 800, 925]);
    expect(stepsRead({atOnce: false})).toEqual(stepsRead({atOnce: true}));
  });

  it('counts readings that cost more than was expected at what they have cost', () => {
    const {clock, budget} = budgetOf(0.1, {cores: 1, each: 50});
    budget.begin();
    clock.now = 1000;
    budget.taken();
    budget.measured(60);
    expect(budget.affords(0)).toBe(false);
    clock.now = 1100;
    expect(budget.affords(0)).toBe(true);
  });

  it('stops its clock when training is over', () => {
    const {clock, budget} = budgetOf(0.1);
    budget.begin();
    clock.now = 1000;
    budget.end();
    clock.now = 9000;
    budget.measured(100);
    expect(budget.spending()).toEqual({training: 1000, blocked: 0, child: 100});
  });

  it('goes on from what a run had spent before it was killed', () => {
    const clock = {now: 0};
    const spent = {training: 1000, blocked: 50, child: 40};
    const budget = createBudget({share: 0.1, cores: 2, now: () => clock.now, spent});
    expect(budget.spending()).toEqual(spent);
    budget.begin();
    clock.now = 1000;
    budget.blocked(100);
    expect(budget.spending()).toEqual({training: 1900, blocked: 150, child: 40});
  });

  it('counts readings that still wait to be measured', () => {
    const {clock, budget} = budgetOf(0.05, {cores: 1, each: 100});
    budget.begin();
    clock.now = 4000;
    expect(budget.affords(0)).toBe(true);
    expect(budget.affords(1)).toBe(true);
    expect(budget.affords(2)).toBe(false);
  });

  it('takes readings whose cost is unknown, and all of them without a limit', () => {
    const {budget} = budgetOf(0.05);
    budget.begin();
    expect(budget.affords(3)).toBe(true);
    const free = budgetOf(Infinity);
    free.budget.blocked(1e6);
    free.budget.begin();
    expect(free.budget.affords(3)).toBe(true);
  });

  it('keeps the share within the budget over a run of regular readings', () => {
    const {clock, budget} = budgetOf(0.05);
    budget.blocked(100);
    budget.begin();
    let taken = 0;
    for (let step = 0; step < 1000; step++) {
      clock.now += 20;
      if (!budget.affords(0)) continue;
      clock.now += 100;
      budget.blocked(100);
      taken++;
    }
    expect(taken).toBe(10);
    expect(budget.shares().total).toBeLessThanOrEqual(0.05);
  });
});
