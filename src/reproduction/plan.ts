import type { Recipe, RecipeChanges } from '../methods/recipe.js';
import type { DatasetName } from '../data/datasets.js';
import type { ResultRecord } from '../results/record.js';

/** One network of a table: what it is, how it is trained, by which teachers. */
export interface Job {
  readonly id: string;
  readonly role: ResultRecord['role'];
  readonly method: string;
  readonly architecture: string;
  readonly width?: number;
  /** What differs from the method's published recipe. */
  readonly changes?: (published: Recipe) => RecipeChanges;
  /** Ids of jobs before this one. */
  readonly cleanTeacher?: string;
  readonly robustTeacher?: string;
}

/** A table: its networks in the order in which they are trained. */
export interface Plan {
  readonly name: string;
  readonly title: string;
  /** What it shows, and with what budget. Stands above the table. */
  readonly claim: string;
  readonly dataset: DatasetName;
  /** Images trained on, balanced by class; all that are not held out by default. */
  readonly trainImages?: number;
  readonly attacks: readonly string[];
  readonly jobs: readonly Job[];
}

/** How much is spent on a table: `small` is for a computer at hand, `paper` the published recipes throughout. */
export type Scale = 'small' | 'paper';
