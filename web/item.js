/** One image of a person's: its file, its picture, and what the service answered. */
import { decode, drawable, fromBase64 } from './picture.js';
import { rowsOf } from './results.js';
import { defaultWindow } from './scene.js';
import { Problem, predict } from './service.js';

const THUMBNAIL_SIDE = 144;
/** Its intended use is not the one in sight, and its numbers are not those of the images beside it. */
const ANOTHER_MODEL = {
  status: 409,
  type: 'another-model',
  title: 'The model has changed',
  detail: 'The service answered with another model package than the one it had when this page was opened.',
};
let count = 0;

export class Item {
  /** @param {File} file */
  constructor(file) {
    this.id = `image-${++count}`;
    this.file = file;
    this.name = file.name;
    this.window = defaultWindow();
    this.thumbnail = null;
    this.picture = null;
    this.source = undefined; // what the picture is decoded from; null where only the service can show it
    this.wanted = false; // a pane shows it: its picture stays in memory
    this.reset();
  }

  reset() {
    this.abort?.abort(new DOMException('Superseded', 'AbortError'));
    Object.assign(this, { state: 'waiting', sent: 0, reply: null, prediction: null, rows: [], problem: null });
  }

  /** The size of the original, as soon as it is known. */
  get size() {
    return this.prediction?.image ?? this.picture;
  }

  row(id) {
    return this.rows.find((row) => row.id === id);
  }

  /** Has its picture decoded, or lets it go: of many large pictures only those that are shown are kept. */
  async want(wanted) {
    this.wanted = wanted;
    if (wanted && !this.picture && this.source) await this.loadPicture();
    if (!this.wanted && this.picture) this.dropPicture();
  }

  dropPicture() {
    this.picture.closed = true; // what is still to be drawn of it is not
    for (const level of this.picture.levels) level.close();
    this.picture = null;
  }

  async loadPicture() {
    const picture = await decode(this.source);
    if (!picture) return false;
    if (this.picture) this.dropPicture();
    this.picture = picture;
    this.thumbnail ??= await this.drawThumbnail();
    if (!this.wanted) this.dropPicture();
    return true;
  }

  async drawThumbnail() {
    const smallest = this.picture.levels.at(-1);
    const scale = THUMBNAIL_SIDE / Math.max(smallest.width, smallest.height);
    return createImageBitmap(smallest, {
      resizeWidth: Math.max(Math.round(smallest.width * scale), 1),
      resizeHeight: Math.max(Math.round(smallest.height * scale), 1),
      resizeQuality: 'medium',
    });
  }

  /** Finds what the browser can draw of the file itself. */
  async prepare() {
    if (this.source !== undefined) return;
    this.source = await drawable(this.file);
    if (this.source && !(await this.loadPicture())) this.source = null;
    this.rendered = !this.source;
  }

  /**
   * Asks the service; never throws: what failed is in `problem`.
   * @param {{model: object, attention: boolean}} service a model of listModels, and whether it gives maps and pictures
   * @param {() => void} onChange hears whenever there is something new to show
   */
  async analyse({ model, attention }, onChange) {
    this.reset();
    const abort = new AbortController();
    this.abort = abort;
    try {
      await this.prepare();
      abort.signal.throwIfAborted();
      this.state = 'sending';
      onChange();
      const reply = await predict(this.file, {
        model,
        attention,
        render: this.rendered,
        signal: abort.signal,
        onSent: (share) => {
          this.sent = share;
          this.state = share < 1 ? 'sending' : 'working';
          onChange();
        },
        onWait: () => {
          this.state = 'waiting';
          onChange();
        },
      });
      await this.take(reply, model, attention);
    } catch (error) {
      if (abort.signal.aborted) return;
      this.state = 'failed';
      this.problem = error instanceof Problem ? error :
        new Problem({ status: 400, type: 'unreadable', title: 'The file cannot be read', detail: error.message });
    }
    onChange();
  }

  async take(reply, model, attention) {
    if (reply.model.package_sha256 !== model.package_sha256) throw new Problem(ANOTHER_MODEL);
    const [prediction] = reply.predictions;
    const rows = rowsOf(prediction, model);
    this.withheld = !attention;
    if (this.rendered && prediction.image.render && !this.source) {
      this.source = fromBase64(prediction.image.render.png);
      await this.loadPicture();
    }
    Object.assign(this, { reply, prediction, rows, state: 'done' });
  }
}
