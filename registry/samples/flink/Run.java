// Runs a file of SQL in a Flink of its own, without a cluster: java -cp "jars/*" Run.java events.sql
// On a cluster, sql-client.sh -f events.sql does the same.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

public class Run {
  static final Pattern SET = Pattern.compile("SET '(.+)' = '(.+)'");

  public static void main(String[] arguments) throws Exception {
    String file = Files.readString(Path.of(arguments[0]))
        .replace("localhost:9092", env("BOOTSTRAP", "localhost:9092"))
        .replace("http://localhost:3000/registry", env("REGISTRY", "http://localhost:3000/registry"));
    TableEnvironment flink = TableEnvironment.create(EnvironmentSettings.inBatchMode());
    for (String statement : file.replaceAll("(?m)--.*$", "").split(";")) {
      Matcher set = SET.matcher(statement.strip());
      if (set.matches()) {
        flink.getConfig().set(set.group(1), set.group(2));
      } else if (!statement.isBlank()) {
        flink.executeSql(statement).print();
      }
    }
  }

  static String env(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
