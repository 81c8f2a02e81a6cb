// Streams one answer over llm.h, with nothing but JDK 17 (JEP 412).   usage: java ARGS Stream.java [MODEL [PROMPT]]
// ARGS: --add-modules jdk.incubator.foreign --enable-native-access=ALL-UNNAMED -Djava.library.path=FOLDER_OF_libllm.so
import java.lang.invoke.*;
import java.nio.ByteOrder;
import jdk.incubator.foreign.*;

public class Stream {
    static final int TEXT = 1, DONE = 100, ERROR = 101, EVENT = 64, BATCH = 16; // of llm.h
    static final MemoryAddress NONE = MemoryAddress.NULL;

    /** A function of llm.h that returns a status or a count; p, l, i: it takes a pointer, 64 bits, 32 bits. */
    static MethodHandle function(String name, String takes) {
        Class<?>[] types = takes.chars().mapToObj(c -> c == 'p' ? MemoryAddress.class : c == 'l' ? long.class : int.class).toArray(Class[]::new);
        MemoryLayout[] layouts = takes.chars().mapToObj(c -> c == 'p' ? CLinker.C_POINTER : c == 'l' ? CLinker.C_LONG : CLinker.C_INT)
            .toArray(MemoryLayout[]::new);
        return CLinker.getInstance().downcallHandle(SymbolLookup.loaderLookup().lookup(name).orElseThrow(),
            MethodType.methodType(int.class, types), FunctionDescriptor.of(CLinker.C_INT, layouts));
    }

    static int check(int status) {
        if (status < 0) throw new IllegalStateException("llm_status " + status);
        return status;
    }

    public static void main(String[] arguments) throws Throwable {
        System.loadLibrary("llm");
        MethodHandle clientNew = function("llm_client_new", "plpp"), queueNew = function("llm_queue_new", "lp");
        MethodHandle submit = function("llm_submit", "ppplpppp"), poll = function("llm_queue_poll", "ppli");
        ResourceScope scope = ResourceScope.globalScope();
        MemorySegment place = MemorySegment.allocateNative(8, 8, scope), events = MemorySegment.allocateNative(EVENT * BATCH, 8, scope);
        var made = place.asByteBuffer().order(ByteOrder.nativeOrder());
        var fields = events.asByteBuffer().order(ByteOrder.nativeOrder());

        check((int) clientNew.invoke(NONE, 0L, place.address(), NONE)); // LLM_CONFIG, or the keys in the environment
        MemoryAddress client = MemoryAddress.ofLong(made.getLong(0));
        check((int) queueNew.invoke(0L, place.address()));
        MemoryAddress queue = MemoryAddress.ofLong(made.getLong(0));
        String model = arguments.length > 0 ? "\"model\":\"" + arguments[0] + "\"," : "";
        String prompt = arguments.length > 1 ? arguments[1] : "Say hello in one sentence.";
        var request = CLinker.toCString("{" + model + "\"messages\":[{\"role\":\"user\",\"content\":\"" + prompt + "\"}]}", scope);
        check((int) submit.invoke(client, queue, request.address(), -1L /* LLM_NTS */, NONE, NONE, NONE, NONE));

        for (long first = -1;;) {
            int count = check((int) poll.invoke(queue, events.address(), (long) BATCH, -1));
            for (int at = 0; at < count * EVENT; at += EVENT) { // llm_event: data at 16, len at 24, type at 32, at_us at 48
                int type = fields.getInt(at + 32);
                byte[] data = MemoryAddress.ofLong(fields.getLong(at + 16)).asSegment(fields.getLong(at + 24), scope).toByteArray();
                if (type == TEXT) {
                    first = first < 0 ? fields.getLong(at + 48) : first;
                    System.out.write(data);
                    System.out.flush();
                } else if (type == DONE || type == ERROR) {
                    System.out.println(type == DONE ? "\nfirst token after " + first / 1000 + " ms" : "\n" + new String(data, "UTF-8"));
                    System.exit(type == DONE ? 0 : 1);
                }
            }
        }
    }
}
